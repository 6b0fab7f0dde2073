/** Starts the test lab in the given state folder, for a test that kills it on the way. */
import { Lab } from '../../../lab/cluster/lab.ts';
import { labOptions, prepareLab } from './test-lab.ts';

const [state] = process.argv.slice(2);
if (state === undefined) throw new Error('usage: start-lab.ts <state folder>');
await Lab.start(labOptions, await prepareLab(state));
