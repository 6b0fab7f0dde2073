/**
 * Metrics as data, and the text that Prometheus reads (exposition format 0.0.4). A family is a
 * value, so that one process may hand its families to another as JSON and both are written as one:
 * the format wants every family told once (docs/decisions/0190).
 */
export interface Family {
  /** With its unit, as Prometheus names things: `larder_disk_free_bytes`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface Sample {
  /** Of a histogram: which of its series. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples };
}

export function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples };
}

/** Families of one name become one, in the order of their names. */
export function exposition(families: readonly Family[]): string {
  const byName = new Map<string, { family: Family; samples: Sample[] }>();
  for (const family of families) {
    const known = byName.get(family.name);
    if (known === undefined) byName.set(family.name, { family, samples: [...family.samples] });
    else known.samples.push(...family.samples);
  }
  return [...byName.values()]
    .filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => (a.family.name < b.family.name ? -1 : 1))
    .map(({ family: { name, type, help }, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...samples.map((sample) => lineOf(name, sample)),
        '',
      ].join('\n'),
    )
    .join('');
}

function lineOf(name: string, { suffix, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  const shown = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  return `${name}${suffix ?? ''}${shown} ${valueOf(value)}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function valueOf(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
