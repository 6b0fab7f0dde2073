import { disk } from '../host/disk.ts'; export const base = disk;
