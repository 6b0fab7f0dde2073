import { disk } from '../host/disk.ts'; export const peer = disk;
