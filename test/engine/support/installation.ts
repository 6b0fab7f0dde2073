/**
 * The Pulumi CLI and its plugins for the engine tests, found or made once for the whole run by the
 * lab's toolchain. `PULUMI_PLUGINS=official` runs the same tests against the official plugins where
 * they are at hand; without it they are taken too where they can be had, else the stand-ins.
 */
import { LabFault } from '../../../lab/base/fault.ts';
import { labPaths } from '../../../lab/base/paths.ts';
import { Progress } from '../../../lab/base/progress.ts';
import { ensurePulumi } from '../../../lab/toolchain/pulumi.ts';

export interface TestInstallation {
  /** Path of the `pulumi` program. */
  readonly cli: string;
  /** The whole environment for the CLI, without the user's own Pulumi and cluster. */
  readonly env: NodeJS.ProcessEnv;
  /** True when the project's own stand-ins answer in place of the official plugins. */
  readonly standIns: boolean;
}

/** `missing` is a reason for `skip`. */
export type Found = { readonly installation: TestInstallation } | { readonly missing: string };

let found: Promise<Found> | undefined;

/**
 * The same installation for every test of this process. The first call may build the CLI: minutes.
 */
export function findInstallation(): Promise<Found> {
  found ??= find();
  return found;
}

async function find(): Promise<Found> {
  const paths = labPaths();
  try {
    const { cli, env, standIns } = await ensurePulumi({
      progress: new Progress(process.stderr),
      paths,
      signal: new AbortController().signal,
    });
    return {
      installation: {
        cli,
        env: withoutForeign(env),
        standIns: standIns.length > 0,
      },
    };
  } catch (error) {
    if (error instanceof LabFault) return { missing: `no Pulumi CLI: ${error.message}` };
    throw error;
  }
}

/** Variables of the user's own Pulumi and cluster that would change what a test sees. */
function withoutForeign(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = /^PULUMI_(HOME|SKIP_UPDATE_CHECK|DISABLE_AUTOMATIC|IGNORE_AMBIENT)/;
  const foreign = /^(PULUMI_|KUBECONFIG$|KUBERNETES_)/;
  const own = Object.entries(env).filter(([name]) => kept.test(name) || !foreign.test(name));
  return Object.fromEntries(own);
}
