import { disk } from '../host/disk.ts'; export const nbd = disk;
