import { disk } from '../host/disk.ts'; export const report = disk;
