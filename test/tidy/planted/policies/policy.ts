import { component } from '../components/component.ts'; export const policy = component;
