import { operator } from '../operator/operator.ts'; export const asked = operator;
