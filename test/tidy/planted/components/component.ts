import { disk } from '../dataplane/host/disk.ts'; export const component = disk;
