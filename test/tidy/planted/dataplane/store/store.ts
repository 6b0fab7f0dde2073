import { disk } from '../host/disk.ts'; export const store = disk;
