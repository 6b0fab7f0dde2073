/**
 * The plan as a page of text, for a person: room, copies, failures, attention. No colours, no more
 * than 110 columns where the words allow it, the same text for the same plan.
 */
import {
  failureTitle,
  describeEffects,
  diskWords,
  namesWords,
  sizeWords,
  survivesWords,
} from './words.ts';
import type { DiskCapacity } from './capacity.ts';
import type { Failure, FailureReport } from './failures.ts';
import type { Plan } from './plan.ts';

const columnsMax = 110;
const barCells = 20;
const titleColumnsMax = 32;

export function renderPlan(plan: Plan): string {
  const { subject, capacity } = plan;
  const promised = subject.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const disks = capacity.disks.length;
  const head = `${subject.stack}: ${count(subject.nodes.length, 'node')}, ${count(disks, 'disk')}, ${count(subject.volumes.length, 'volume')} of ${sizeWords(promised)} in all`;
  const sections = [
    ['Room on the disks', table(capacity.disks.map(diskRow))],
    ['Tiers and their copies', tiersTable(plan)],
    ['When one thing fails', failuresTable(plan)],
    ['Worth knowing', plan.attention.flatMap((text) => wrap(text, '  ! ', '    '))],
  ] as const;
  const blocks = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [title, ...lines].join('\n'));
  return `${[head, ...blocks].join('\n\n')}\n`;
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function diskRow({ disk, placedBytes, volumes }: DiskCapacity): string[] {
  const { capacityBytes, kind, path } = disk;
  const filled =
    capacityBytes === undefined || capacityBytes === 0
      ? undefined
      : Math.min(barCells, Math.ceil((placedBytes / capacityBytes) * barCells));
  const bar = filled === undefined ? '' : '█'.repeat(filled) + '░'.repeat(barCells - filled);
  const placed = `${sizeWords(placedBytes)} placed`;
  return [
    diskWords(disk),
    kind,
    path,
    capacityBytes === undefined ? placed : `${placed} of ${sizeWords(capacityBytes)}`,
    bar,
    namesWords(volumes.map(({ name }) => name)),
  ];
}

/** What every number of copies is worth and takes, with the numbers of this shelf. */
const copiesCost = (keptBytes: number) =>
  `To keep all of it (${sizeWords(keptBytes)}) in 1 copy takes ${sizeWords(keptBytes)} and survives 0 failures, 2 copies take ${sizeWords(2 * keptBytes)} and survive 1, 3 copies take ${sizeWords(3 * keptBytes)} and survive 2.`;

function tiersTable({ capacity, subject }: Plan): string[] {
  const keptBytes = subject.volumes
    .filter(({ tier }) => tier.isKept)
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const rows = capacity.tiers.map(
    ({ tier, promisedBytes, takesBytes, usableBytes, usableAfterNodeLossBytes }) => [
      tier.name,
      tier.engine,
      tier.copies === 1 ? '1 copy' : `${tier.copies} copies`,
      sizeWords(promisedBytes),
      sizeWords(takesBytes),
      sizeWords(usableBytes),
      tier.placement === 'spread' ? sizeWords(usableAfterNodeLossBytes) : '-',
      survivesWords(tier),
    ],
  );
  const title = ['tier', 'engine', 'keeps', 'promised', 'takes', 'room', 'less a node', 'survives'];
  return [...table([title, ...rows]), '', ...wrap(copiesCost(keptBytes), '  ', '  ')];
}

/** Failures with the same consequences stand in one row. */
function failuresTable({ failures, subject }: Plan): string[] {
  const groups = new Map<string, { titles: Failure[]; sentences: string[] }>();
  for (const report of failures) {
    const sentences = describeEffects(report, subject.volumes.length);
    const key = `${report.failure.kind} ${sentences.join('\n')}`;
    const group = groups.get(key) ?? { titles: [], sentences };
    group.titles.push(report.failure);
    groups.set(key, group);
  }
  const rows = [...groups.values()].map(
    ({ titles, sentences }) => [failureTitle(...titles), sentences] as const,
  );
  const width = Math.max(...rows.map(([title]) => title.length));
  // Long names would leave no room beside them: then each title has a line of its own.
  const lines = rows.flatMap(([title, sentences]) =>
    width > titleColumnsMax
      ? [`  ${title}`, ...sentences.flatMap((sentence) => wrap(sentence, '    - ', '      '))]
      : sentences.flatMap((sentence, index) =>
          wrap(sentence, `  ${(index === 0 ? title : '').padEnd(width)}  `, ' '.repeat(width + 4)),
        ),
  );
  return [...lines, ...sharedNote(failures)];
}

function sharedNote(failures: readonly FailureReport[]): string[] {
  const unnamed = failures.flatMap(({ failure }) =>
    'name' in failure && failure.name === undefined ? [failure.kind] : [],
  );
  if (unnamed.length === 0) return [];
  return [
    '',
    ...wrap(
      `Computers for which the stack file names no ${unnamed.join(' or ')} are taken to share one.`,
      '  ',
      '  ',
    ),
  ];
}

/** Columns as wide as their longest entry; nothing behind the last. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? '').length)),
  );
  return rows.map((row) =>
    `  ${row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .filter((_, at) => (widths[at] ?? 0) > 0)
      .join('  ')}`.trimEnd(),
  );
}

function wrap(text: string, first: string, next: string): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > columnsMax) {
      lines.push(line);
      line = next + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
    isEmpty = false;
  }
  return [...lines, line];
}
