/**
 * `npm start`: the main job. In the lab: tools, images, a three-node Kubernetes, `pulumi up` of the
 * homelab stack under its policies, and a report of what runs. With KUBECONFIG set it uses that
 * cluster and starts no lab. May be interrupted at any point and run again.
 */
import { type CommandContext, command } from './base/command.ts';
import { Lab, labToolNames } from './cluster/lab.ts';
import { requireRoot } from './cluster/machine.ts';
import { ensureImages, imageToolNames } from './images/images.ts';
import { homelabStack, labDifferences, labStack, readHomelab } from './stack/homelab.ts';
import { renderRows, reportRows } from './stack/report.ts';
import { runOnCluster } from './stack/user-cluster.ts';
import { ensurePackages } from './toolchain/packages.ts';
import { ensurePulumi } from './toolchain/pulumi.ts';
import { ensureTools } from './toolchain/toolchain.ts';

await command(async (context) => {
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  if (kubeconfig !== '') return runOnCluster('up', homelabStack, [], context);
  return startLab(context);
});

async function startLab(context: CommandContext): Promise<number> {
  const { progress, paths, signal } = context;
  requireRoot();
  const homelab = readHomelab();
  await ensurePackages(['lab'], context);
  const tools = await ensureTools([...labToolNames, ...imageToolNames, 'pulumi'], context);
  const installation = await ensurePulumi(context);
  const images = await ensureImages({ ...context, tools });
  const lab = await Lab.start(homelab.labOptions, { ...context, tools, images });
  using stack = labStack(paths.state, installation, signal);
  await stack.prepare(labDifferences(lab, images));
  await progress.step(`pulumi up of the stack ${homelabStack}, with its policies`, async (step) => {
    await stack.run(['up', '--yes', '--skip-preview'], (line) => step.note(line.trim()));
    step.note('');
  });
  const rows = await reportRows(lab, homelab.databases);
  const kubectl = tools.get('kubectl')?.path ?? 'kubectl';
  console.log(`
Larder is up after ${progress.elapsedSeconds.toFixed(0)} s.

${renderRows(rows)}

Look around:
  export KUBECONFIG=${lab.kubeconfig}
  ${kubectl} get pods,pvc -A
  npm run status      what runs, and whether it answers
  npm run preview     what a change of Pulumi.${homelabStack}.yaml would do
  npm run up          do it
  npm stop            remove every trace`);
  return 0;
}
