/**
 * `npm stop`: removes the lab and every trace of it; caches stay. May be run at any time, twice
 * too.
 */
import { command } from './base/command.ts';
import { labName } from './base/paths.ts';
import { stopLab } from './cluster/lab.ts';

await command(async ({ progress, paths }) => {
  await stopLab(paths.state, labName(), progress);
  progress.say(
    `Nothing of the lab is left. Tools and images stay in ${paths.tools} and ${paths.images}.`,
  );
  return 0;
});
