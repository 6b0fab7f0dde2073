/** `npm run status`: what of the lab runs, and whether it answers. Changes nothing. */
import { command } from './base/command.ts';
import { Lab } from './cluster/lab.ts';
import { readHomelab } from './stack/homelab.ts';
import { renderRows, reportRows } from './stack/report.ts';

await command(async ({ paths }) => {
  const lab = Lab.resume(paths.state);
  const nodes = lab.nodes.map((node) => `${node.name} ${node.isOn ? 'on' : 'off'}`).join(', ');
  const rows = await reportRows(lab, readHomelab().databases);
  console.log(renderRows([{ what: 'lab', state: `${lab.name}: ${nodes}` }, ...rows]));
  console.log(`\n  export KUBECONFIG=${lab.kubeconfig}`);
  return 0;
});
