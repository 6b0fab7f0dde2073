/**
 * The report at the end of `npm start` and of `npm run status`: what runs, seen by asking it. SQL
 * is answered by the server itself, dumps are listed by the job that made them.
 */
import { BatchV1Api, CoreV1Api, type V1Job } from '@kubernetes/client-node';
import type { Database } from '../../components/config/shelf/applications.ts';
import type { Lab } from '../cluster/lab.ts';

/** Rows of the report: what, and how it is. */
export interface ReportRow {
  readonly what: string;
  readonly state: string;
}

export async function reportRows(lab: Lab, databases: readonly Database[]): Promise<ReportRow[]> {
  const rows = [await nodesRow(lab)];
  for (const database of databases) rows.push(...(await databaseRows(lab, database)));
  return rows;
}

/** Two columns, the first as wide as its longest entry. */
export function renderRows(rows: readonly ReportRow[]): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  return rows.map(({ what, state }) => `  ${what.padEnd(width)}  ${state}`).join('\n');
}

async function nodesRow(lab: Lab): Promise<ReportRow> {
  const { items } = await lab.kubeConfig.makeApiClient(CoreV1Api).listNode();
  const isReady = (conditions: { type: string; status: string }[] = []) =>
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  const states = items.map((node) => {
    const ready = isReady(node.status?.conditions) ? 'Ready' : 'not ready';
    return `${node.metadata?.name} ${ready}`;
  });
  return { what: 'nodes', state: states.join(', ') };
}

async function databaseRows(lab: Lab, database: Database): Promise<ReportRow[]> {
  const { namespace, name, disk } = database.volume;
  const what = `database ${database.name}`;
  const place = disk === undefined ? '' : ` on ${disk.node}:${disk.mountPath}`;
  const answer = await lab.exec({ namespace, pod: `${name}-0`, container: 'postgres' }, [
    'psql',
    '-U',
    database.user,
    '-d',
    database.database,
    '-AtX',
    '-c',
    'select version()',
  ]);
  const version = answer.stdout.split(' on ')[0];
  return [
    {
      what,
      state:
        answer.code === 0
          ? `${version} answers SQL, volume ${name}${place}`
          : `does not answer: ${answer.stderr.trim()}`,
    },
    { what: `dumps of ${database.name}`, state: await dumpState(lab, database) },
  ];
}

/** The last line that the newest finished dump job printed. */
async function dumpState(lab: Lab, database: Database): Promise<string> {
  if ('skip' in database.dumps) return `none: ${database.dumps.skip}`;
  const namespace = 'larder-system';
  const { items } = await lab.kubeConfig.makeApiClient(BatchV1Api).listNamespacedJob({ namespace });
  const finished = items
    .filter((job) => job.metadata?.labels?.['larder.dev/database'] === database.name)
    .filter((job) => (job.status?.succeeded ?? 0) > 0)
    .sort((left, right) => finishedAt(right) - finishedAt(left));
  const name = finished[0]?.metadata?.name;
  if (name === undefined) return 'none yet';
  const { items: pods } = await lab.kubeConfig
    .makeApiClient(CoreV1Api)
    .listNamespacedPod({ namespace, labelSelector: `job-name=${name}` });
  const pod = pods.find((each) => each.status?.phase === 'Succeeded')?.metadata?.name;
  if (pod === undefined) return `${name} succeeded`;
  const lines = (await lab.logs({ namespace, pod })).trim().split('\n');
  return lines.find((line) => line.startsWith('dumped')) ?? `${name} succeeded`;
}

function finishedAt(job: V1Job): number {
  return job.status?.completionTime?.getTime() ?? 0;
}
