/** The lab of the system tests: its own name and state folder, tools and images from the cache. */
import { labPaths } from '../../../lab/base/paths.ts';
import { Progress } from '../../../lab/base/progress.ts';
import type { LabContext } from '../../../lab/cluster/bring-up.ts';
import { labToolNames } from '../../../lab/cluster/lab.ts';
import type { LabOptions } from '../../../lab/cluster/options.ts';
import { ensureImages, imageToolNames } from '../../../lab/images/images.ts';
import { ensureTools } from '../../../lab/toolchain/toolchain.ts';

export const testLabName = 'larder-test';

export const labOptions: LabOptions = {
  name: testLabName,
  fastNodeLoss: true,
  nodes: ['kube01', 'kube02', 'kube03'].map((name) => ({
    name,
    disks: [{ path: '/mnt/nvme', sizeMiB: 128 }],
    labels: { storage: 'fast-ssd' },
  })),
};

/** Writes only where a test would otherwise look as if it hung: a build that is not cached. */
export const quietProgress = new Progress({ write: () => {} });

/** With a cold cache this builds for minutes; `npm start` or `npm test` have it warm. */
export async function prepareLab(state: string): Promise<LabContext> {
  const paths = { ...labPaths(), state };
  const context = { progress: quietProgress, paths, signal: new AbortController().signal };
  const tools = await ensureTools([...labToolNames, ...imageToolNames], context);
  return { ...context, tools, images: await ensureImages({ ...context, tools }) };
}
