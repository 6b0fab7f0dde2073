import { loop } from '../drive/loop.ts'; export const host = loop;
