import { disk } from '../host/disk.ts'; export const drive = disk;
