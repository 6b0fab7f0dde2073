import { disk } from '../host/disk.ts'; export const volume = disk;
