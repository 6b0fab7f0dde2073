import { disk } from '../host/disk.ts'; export const csi = disk;
