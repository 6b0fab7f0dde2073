/**
 * The program: configuration → components → outputs. What may not be is refused before the engine
 * hears of anything, with all reasons at once.
 */
import * as pulumi from '@pulumi/pulumi';
import { nameFieldManager } from './components/cluster/field-manager.ts';
import { readKubeconfig } from './components/cluster/kubeconfig.ts';
import { recall } from './components/cluster/memory.ts';
import { observe } from './components/cluster/observe.ts';
import { connect } from './components/cluster/providers.ts';
import { spreadSafetyNet } from './components/cluster/safety-net.ts';
import { parseConfig, rawConfig } from './components/config/parse.ts';
import { resolveShelf } from './components/config/resolve.ts';
import { subjectOf } from './components/plan/from-shelf.ts';
import { planOf, planOutputs } from './components/plan/plan.ts';
import { report } from './components/report.ts';
import { clusterProblems, withoutCluster } from './components/rules/cluster.ts';
import { editProblems } from './components/rules/edits.ts';
import { nodeDifferences } from './components/rules/live-nodes.ts';
import { explainProblems, type Problem } from './components/rules/problem.ts';
import { clearSecretProblems, isSecretKey } from './components/rules/secrets.ts';
import { stateProblems } from './components/rules/state.ts';
import { tierEditProblems } from './components/rules/tier-edits.ts';
import { buildShelf } from './components/shelf-stack.ts';
import { plainStackTraces } from './components/stack-traces.ts';

plainStackTraces();
const stack = pulumi.getStack();

function refuse(problems: readonly Problem[]): never {
  // A RunError is shown without a stack trace: the reader wrote a stack file, not this program.
  throw new pulumi.RunError(explainProblems(stack, problems));
}

const parsed = parseConfig(rawConfig(pulumi.runtime.allConfig(), pulumi.getProject()));
if (!parsed.ok) refuse(parsed.problems);
const clear = clearSecretProblems(
  parsed.config.secrets,
  isSecretKey(`${pulumi.getProject()}:secrets`, process.env),
);
const resolved = resolveShelf(parsed.config);
if (!resolved.ok) refuse([...clear, ...resolved.problems]);
if (clear.length > 0) refuse(clear);
const { shelf } = resolved;

const memory = await recall();
const edits = [
  ...stateProblems(memory.doubles),
  ...editProblems(memory.volumes, shelf),
  ...tierEditProblems(memory, shelf),
];
const { context, kubeconfig: file, adopt } = shelf.cluster;
const access = readKubeconfig(
  { file, context },
  { env: process.env, projectFolder: import.meta.dirname },
);
if ('problem' in access) refuse([...edits, access.problem]);

const seen = await observe(access.config, {
  secrets: memory.hasState
    ? []
    : [...shelf.databases, ...shelf.gitea].map(
        ({ volume }) => `${volume.namespace}/${volume.name}`,
      ),
});
const isPreview = pulumi.runtime.isDryRun();
const knownVolumes = new Set(memory.volumes.map((volume) => volume.name));
const live = seen.kind === 'reached' ? seen.nodes : undefined;
const differences = live === undefined ? [] : nodeDifferences(shelf, live, knownVolumes);
const problems = [
  ...edits,
  ...differences.filter(({ isGrave }) => isGrave && !isPreview).map(({ problem }) => problem),
  ...clusterProblems({
    stack,
    context,
    adopt,
    isPreview,
    knownUid: memory.clusterUid,
    hasState: memory.hasState,
    seen,
  }),
];
if (problems.length > 0) refuse(problems);
if (seen.kind === 'unreachable')
  void pulumi.log.warn(withoutCluster({ context, server: access.server, reason: seen.reason }));

for (const { problem, isGrave } of differences)
  void pulumi.log.warn(
    `${problem.path}: found ${problem.found}. ${isGrave ? '`pulumi up` will refuse to begin: ' : ''}${problem.todo}`,
  );

spreadSafetyNet();
nameFieldManager();
const built = buildShelf({
  shelf,
  stack,
  providers: connect({ kubeconfig: access.text, context, stack, adopt }),
  clusterUid: seen.kind === 'reached' ? seen.uid : memory.clusterUid,
  knownVolumes,
  liveNodes: live === undefined ? undefined : new Set(live.map((node) => node.name)),
  earlierNamespaces: memory.namespaces,
  secrets: seen.kind === 'reached' ? seen.secrets : new Map(),
});

export const { nodes, tiers, volumes, databases, applications, datasets, backups } = report(
  shelf,
  built,
);
/** What fits, what each failure does, what deserves attention: `npm run plan` prints it. */
export const plan = planOutputs(planOf(subjectOf(stack, shelf)));
