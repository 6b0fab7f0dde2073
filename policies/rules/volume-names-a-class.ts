/** Claims that leave the choice of the storage to the cluster's default. */
import { claimsOfObject } from '../model/claim.ts';
import { at, textAt } from '../model/value.ts';
import type { Finding, ObjectRule } from '../rule.ts';

export const volumeNamesAClass: ObjectRule = {
  id: 'volume-names-a-class',
  scope: 'object',
  description: 'Every claim names its StorageClass.',
  severity: 'medium',
  level: 'mandatory',
  advises: false,
  why:
    'Without a name the claim takes what is the default on the day it is made; restored on ' +
    'another cluster, or after the default changed, the data lands on another tier.',
  waysOut: [
    'Set storageClassName to the tier you mean',
    'Set storageClassName: "" and volumeName, to bind one static volume',
    'Use a Larder AppVolume, which takes a tier',
  ],
  good: 'storageClassName: local-ssd',
  bad: 'a PersistentVolumeClaim without storageClassName',
  check(object) {
    return claimsOfObject(object).flatMap((claim): readonly Finding[] => {
      const isBound = textAt(claim.spec, 'volumeName') !== undefined;
      if (claim.className !== undefined || isBound) return [];
      // What cannot be known yet, or is copied from a template, is judged at the update.
      if (at(claim.spec, 'dataSourceRef') !== undefined) return [];
      const field = `${claim.field}.storageClassName`;
      return [{ object, field, found: 'the claim names no class', level: 'violation' }];
    });
  },
};
