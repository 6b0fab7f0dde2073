import { disk } from '../host/disk.ts'; export const port = disk;
