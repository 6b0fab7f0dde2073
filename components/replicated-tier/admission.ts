/**
 * What RBAC cannot say: a node writes about itself only. The API server knows from the token on which
 * node a pod runs; whoever steals one node's token cannot bend the records of the others' volumes.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { managed } from '../names.ts';

interface Validation {
  readonly expression: string;
  readonly message: string;
}

const storageNodeRules: readonly Validation[] = [
  {
    expression: 'object.metadata.name == variables.node',
    message: 'A node says how it is itself, and nothing about others.',
  },
];

const others = (object: string) =>
  `(has(${object}.status.places) ? ${object}.status.places : []).filter(at, at.node != variables.node)`;

const volumeRules: readonly Validation[] = [
  {
    expression: 'variables.isAttached || variables.isHolder',
    message: 'A node writes about volumes that are attached to it or have a copy on it.',
  },
  {
    expression: 'object.status.attachedTo == oldObject.status.attachedTo',
    message: 'Where a volume is attached is decided by the controller.',
  },
  {
    expression: `${others('object')} == ${others('oldObject')}`,
    message: 'A node says how its own copy is, and nothing about those of others.',
  },
  {
    expression: 'variables.isAttached || object.status.record == oldObject.status.record',
    message: 'The record is written by the node that the volume is attached to.',
  },
];

const volumeVariables = [
  {
    name: 'isAttached',
    expression: 'oldObject.status.attachedTo == variables.node',
  },
  {
    name: 'isHolder',
    expression:
      'has(oldObject.status.places) && oldObject.status.places.exists(at, at.node == variables.node)',
  },
];

/** Declares both policies; they are in force a moment after they exist. */
export function declareAdmission(
  name: string,
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): void {
  declare(`${name}-storagenodes`, 'storagenodes', [], storageNodeRules, namespace, opts);
  declare(`${name}-volumes`, 'volumes', volumeVariables, volumeRules, namespace, opts);
}

function declare(
  name: string,
  resource: string,
  variables: readonly { readonly name: string; readonly expression: string }[],
  validations: readonly Validation[],
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): void {
  const metadata = { name: `larder-node-${resource}`, labels: managed };
  const account = pulumi.interpolate`system:serviceaccount:${namespace}:larder-node`;
  const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
    `${name}-policy`,
    {
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['larder.dev'],
              apiVersions: ['*'],
              operations: ['UPDATE'],
              resources: [`${resource}/status`],
            },
          ],
        },
        matchConditions: [
          {
            name: 'by-a-node',
            expression: pulumi.interpolate`request.userInfo.username == '${account}'`,
          },
        ],
        variables: [
          {
            name: 'node',
            expression: "request.userInfo.extra['authentication.kubernetes.io/node-name'][0]",
          },
          ...variables,
        ],
        validations: [...validations],
      },
    },
    opts,
  );
  new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
    `${name}-binding`,
    { metadata, spec: { policyName: policy.metadata.name, validationActions: ['Deny'] } },
    opts,
  );
}
