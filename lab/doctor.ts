/**
 * `npm run doctor`: what this machine has, what it lacks, and what to do about it. Changes nothing.
 */
import { command } from './base/command.ts';
import { diagnose, renderDiagnosis } from './toolchain/doctor.ts';

await command(async (context) => {
  console.log(renderDiagnosis(await diagnose(context)));
  return 0;
});
