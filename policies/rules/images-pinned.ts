/** Images that can change under a running system without anyone having changed the program. */
import { databaseEngineOf } from '../model/database-engine.ts';
import { isStorageImage } from '../model/storage-project.ts';
import { UNKNOWN } from '../model/value.ts';
import { type Container, workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

export const imagesPinned: ObjectRule = {
  id: 'images-pinned',
  scope: 'object',
  description:
    'Every image names a version; databases and storage daemons name the digest as well.',
  severity: 'medium',
  level: 'mandatory',
  advises: true,
  why:
    'A pod that moves to another node pulls what the tag means on that day: a database may start ' +
    'with the next major version on the old data, two copies of a daemon with two versions.',
  waysOut: [
    'Name a version tag, for example postgres:16.10-alpine',
    'Add the digest: name:tag@sha256:… (what the registry shows for the tag you tested)',
    'Let a bot such as Renovate raise tag and digest together by pull request',
  ],
  good: 'docker.io/library/postgres:16.10-alpine@sha256:…',
  bad: 'postgres, postgres:latest',
  check(object) {
    const workload = workloadOf(object);
    return (workload?.containers ?? []).flatMap((container) => findingOf(object, container));
  },
};

function findingOf(object: Finding['object'], container: Container): readonly Finding[] {
  const { image } = container;
  const field = `${container.field}.image`;
  if (image === UNKNOWN) {
    const found = 'the image is known only after the update, and will be judged then';
    return [{ object, field, found, level: 'advice' }];
  }
  if (image === undefined || image.digest !== undefined) return [];
  if (image.tag === undefined || image.tag === 'latest') {
    const how = image.tag === undefined ? 'names no tag, which means latest' : 'is tagged latest';
    return [{ object, field, found: `image ${image.reference} ${how}`, level: 'violation' }];
  }
  // Nothing can push to what was imported into the node by hand.
  if (image.registry === 'localhost') return [];
  const engine = databaseEngineOf(container);
  if (engine === undefined && !isStorageImage(image)) return [];
  const role = engine === undefined ? 'a storage daemon' : `the database ${engine.name}`;
  const found = `image ${image.reference} runs ${role} and names no digest`;
  return [{ object, field, found, level: 'advice' }];
}
