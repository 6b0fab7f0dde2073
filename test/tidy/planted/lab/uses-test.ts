import { helper } from '../test/helper.ts'; export const used = helper;
