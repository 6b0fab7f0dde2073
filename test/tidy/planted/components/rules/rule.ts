import { component } from '../component.ts'; export const rule = component;
