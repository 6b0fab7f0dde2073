/**
 * The homelab stack as the lab runs it: which nodes it asks for, what differs from the shelf on the
 * desk, and the databases that can be asked afterwards.
 */
import { resolveShelf } from '../../components/config/resolve.ts';
import type { Database } from '../../components/config/shelf/applications.ts';
import { explainProblems } from '../../components/rules/problem.ts';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { labName } from '../base/paths.ts';
import type { Lab } from '../cluster/lab.ts';
import type { LabOptions } from '../cluster/options.ts';
import type { LabImages } from '../images/images.ts';
import type { PulumiInstallation } from '../toolchain/pulumi.ts';
import { LocalStack } from './local-stack.ts';
import { checkStackValues, labNodes, readStackValues, type StackValues } from './stack-file.ts';

export const homelabStack = 'homelab';

export interface Homelab {
  /** What the lab must look like. */
  readonly labOptions: LabOptions;
  readonly databases: readonly Database[];
}

/** Throws a `LabFault` that lists everything wrong with the stack file. */
export function readHomelab(): Homelab {
  const values = readStackValues(homelabStack);
  const config = checkStackValues(homelabStack, values);
  const resolved = resolveShelf(config);
  if (!resolved.ok) {
    const hint = `correct Pulumi.${homelabStack}.yaml`;
    throw new LabFault(explainProblems(homelabStack, resolved.problems), hint);
  }
  return {
    labOptions: { name: labName(), nodes: labNodes(config) },
    databases: resolved.shelf.databases,
  };
}

/** How to reach the lab, and where its images come from: it has no registry. */
export function labDifferences(lab: Lab, images: LabImages): StackValues {
  return {
    'larder:cluster': { kubeconfig: lab.kubeconfig, context: 'larder-lab' },
    'larder:images': {
      postgres: images.postgres.reference,
      tools: images.tools.reference,
      localPathProvisioner: images.localPathProvisioner.reference,
    },
  };
}

/** The stack of a lab, kept in the lab's state folder. */
export function labStack(
  stateFolder: string,
  installation: PulumiInstallation,
  signal: AbortSignal,
): LocalStack {
  const folder = path.join(stateFolder, 'pulumi');
  return new LocalStack({ stack: homelabStack, folder, installation, signal });
}
