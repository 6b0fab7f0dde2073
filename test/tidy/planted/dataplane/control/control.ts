import { disk } from '../host/disk.ts'; export const control = disk;
