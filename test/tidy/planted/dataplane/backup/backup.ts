import { disk } from '../host/disk.ts'; export const backup = disk;
