/**
 * What a tier needs from the machine, fetched or built before its tests run: no test's time limit
 * has to cover a build of Kubernetes, and progress is shown. What cannot be had here is said; the
 * tests that need it then skip with that reason, except in the gate (CI), where it is a failure.
 */
import { explain, LabFault } from '../lab/base/fault.ts';
import { labPaths } from '../lab/base/paths.ts';
import { Progress } from '../lab/base/progress.ts';
import { labToolNames } from '../lab/cluster/lab.ts';
import { ensureImages, imageToolNames } from '../lab/images/images.ts';
import { ensurePackages } from '../lab/toolchain/packages.ts';
import { ensurePulumi } from '../lab/toolchain/pulumi.ts';
import { ensureTools } from '../lab/toolchain/toolchain.ts';

const isRoot = process.getuid?.() === 0;

/** Tiers are prepared side by side, and apt-get serves one caller at a time. */
let packages: Promise<unknown> = Promise.resolve();
const installPackages: typeof ensurePackages = async (...wanted) => {
  const turn = packages.then(() => ensurePackages(...wanted));
  packages = turn.catch(() => undefined);
  return turn;
};

/** False when something that the tier needs is missing in the gate. */
export async function prepare(tier: string, signal: AbortSignal): Promise<boolean> {
  const context = { progress: new Progress(), paths: labPaths(), signal };
  try {
    if ((tier === 'unit' || tier === 'process') && isRoot) await installPackages(['test'], context);
    if (tier === 'engine') {
      const cluster = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;
      await ensureTools([...cluster, 'promtool', 'versitygw'], context);
      await ensurePulumi(context);
    }
    if (tier === 'system' && isRoot) {
      await installPackages(['lab', 'test'], context);
      const tools = await ensureTools([...labToolNames, ...imageToolNames, 'pulumi'], context);
      await ensurePulumi(context);
      await ensureImages({ ...context, tools });
    }
    return true;
  } catch (error) {
    if (!(error instanceof LabFault)) throw error;
    console.log(`Some tests of ${tier} cannot run here: ${explain(error)}`);
    return process.env['CI'] !== 'true';
  }
}
