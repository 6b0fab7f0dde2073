/** What must hold for the set-up of engines (`larder:engines`), where a tier uses them. */
import type { EnginesConfig, LonghornConfig } from '../config/schema/engines.ts';
import type { Tier } from '../config/shelf/tiers.ts';
import { nearest } from '../config/suggest.ts';
import {
  derivedLonghornSettings,
  type LonghornSetting,
  longhornSettings,
} from './longhorn-settings.ts';
import { oneOf, type Problem } from './problem.ts';
import { twins } from './twins.ts';

/** @param images of our own data plane, of which a tier of its engine needs one */
export function engineProblems(
  engines: EnginesConfig,
  tiers: readonly Tier[],
  images: {
    readonly dataplane?: string | undefined;
    readonly dataplaneRepository?: string | undefined;
  },
): Problem[] {
  const usesLonghorn = tiers.some((tier) => tier.engine === 'longhorn');
  const ours = tiers.find((tier) => tier.engine === 'larder');
  const given = [images.dataplane, images.dataplaneRepository].filter((each) => each !== undefined);
  return [
    ...(usesLonghorn ? longhornProblems(engines.longhorn) : []),
    ...(ours === undefined || given.length > 0 ? [] : [noImage(ours)]),
    ...(given.length > 1 ? [twoImages] : []),
  ];
}

const noImage = (tier: Tier): Problem => ({
  path: 'larder:images.dataplane',
  found: `nothing, and the tier ${tier.name} runs Larder's own data plane`,
  allowed: 'its image, with a digest, in a registry that your nodes reach',
  todo: 'name it: `dataplane: registry.home/larder-dataplane@sha256:…`, or have it built here: `dataplaneRepository: registry.home/larder-dataplane`; `npm start` packs one for the lab',
});

const twoImages: Problem = {
  path: 'larder:images.dataplaneRepository',
  found: 'a repository to build into, beside a finished image in `dataplane`',
  allowed: 'one of the two',
  todo: 'take `dataplane` away to build from this checkout, or the other one to stay with that image',
};

function longhornProblems(longhorn: LonghornConfig): Problem[] {
  const path = 'larder:engines.longhorn';
  return [
    ...Object.entries(longhorn.settings).flatMap(([key, value]) =>
      settingProblems(`${path}.settings.${key}`, key, value, longhorn.version),
    ),
    ...twins(
      longhorn.jobs.map((job) => job.name),
      (index) => `${path}.jobs[${index}].name`,
      'one job for each name',
    ),
    ...longhorn.jobs.flatMap((job, index) =>
      job.task === 'backup' && longhorn.backupTarget === undefined
        ? [
            {
              path: `${path}.jobs[${index}]`,
              found: `${job.name}, a job that makes backups, and no \`backupTarget\``,
              allowed: 'a place for the backups, off this cluster',
              todo: `write \`backupTarget: { url: s3://bucket@region/, secret: name }\` under ${path}, or remove the job`,
            },
          ]
        : [],
    ),
    ...targetProblems(longhorn, path),
  ];
}

function targetProblems({ backupTarget: target }: LonghornConfig, path: string): Problem[] {
  if (target === undefined || target.url.startsWith('nfs:') || target.secret !== undefined)
    return [];
  return [
    {
      path: `${path}.backupTarget.secret`,
      found: 'nothing, for an S3 target',
      allowed: 'the name of a Secret in longhorn-system with the credentials',
      todo: 'make it with kubectl (keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINTS) and name it here',
    },
  ];
}

function settingProblems(
  path: string,
  key: string,
  value: string | number | boolean,
  version: LonghornConfig['version'],
): Problem[] {
  const derived = derivedLonghornSettings[key];
  if (derived !== undefined)
    return [
      {
        path,
        found: `${key}, which follows from the rest of the stack file`,
        allowed: `nothing here: ${derived}`,
        todo: 'remove it',
      },
    ];
  const setting = longhornSettings[key];
  if (setting === undefined || (setting.since === '1.12.1' && version === '1.10.1'))
    return [unknownSetting(path, key, version, setting)];
  const allowed = valueWords(setting);
  if (fits(setting, value)) return [];
  return [{ path, found: JSON.stringify(value), allowed, todo: 'write it in that form' }];
}

function unknownSetting(
  path: string,
  key: string,
  version: string,
  setting: LonghornSetting | undefined,
): Problem {
  const meant = nearest(key, Object.keys(longhornSettings));
  const known = `a setting that the chart of Longhorn ${version} knows; it ignores all others without a word`;
  if (setting !== undefined)
    return {
      path,
      found: `${key}, which came with Longhorn ${setting.since}`,
      allowed: known,
      todo: 'remove it, or raise `version`',
    };
  return {
    path,
    found: key,
    allowed: known,
    todo: meant === undefined ? 'remove it' : `did you mean ${meant}?`,
  };
}

function fits(setting: LonghornSetting, value: string | number | boolean): boolean {
  if (setting.type === 'boolean') return typeof value === 'boolean';
  if (setting.type === 'text') return typeof value === 'string';
  if (setting.type === 'number')
    return (
      typeof value === 'number' &&
      value >= (setting.least ?? -Infinity) &&
      value <= (setting.most ?? Infinity)
    );
  return setting.type.includes(String(value));
}

function valueWords({ type, least, most }: LonghornSetting): string {
  if (type === 'boolean') return 'true or false';
  if (type === 'text') return 'a text';
  if (type !== 'number') return oneOf(type);
  const bounds = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
  ];
  return ['a number', ...bounds].join(', ');
}
