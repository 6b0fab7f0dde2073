import { lab } from '../../lab/lab.ts'; export const main = lab;
