/**
 * What RBAC cannot say: a node writes about itself only. The API server knows from the token on
 * which node a pod runs; whoever steals one node's token cannot bend the records of the others'
 * volumes.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { managed, systemNamespace } from '../names.ts';

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
    expression: 'variables.isAttached || variables.isTender || variables.isHolder',
    message: 'A node writes about volumes that are attached to it or have a copy on it.',
  },
  {
    expression: 'object.status.attachedTo == oldObject.status.attachedTo',
    message: 'Where a volume is attached is decided by the controller.',
  },
  {
    expression:
      '(has(object.status.tendedBy) ? object.status.tendedBy : "") == (has(oldObject.status.tendedBy) ? oldObject.status.tendedBy : "")',
    message: 'Which node looks after a volume is decided by the controller.',
  },
  {
    expression: `${others('object')} == ${others('oldObject')}`,
    message: 'A node says how its own copy is, and nothing about those of others.',
  },
  {
    expression:
      'variables.isAttached || variables.isTender || object.status.record == oldObject.status.record',
    message:
      'The record is written by the node that the volume is attached to, or that looks after it.',
  },
];

const volumeVariables = [
  {
    name: 'isAttached',
    expression: 'oldObject.status.attachedTo == variables.node',
  },
  {
    name: 'isTender',
    expression:
      "oldObject.status.attachedTo == '' && has(oldObject.status.tendedBy) && oldObject.status.tendedBy == variables.node",
  },
  {
    name: 'isHolder',
    expression:
      'has(oldObject.status.places) && oldObject.status.places.exists(at, at.node == variables.node)',
  },
];

/** The policies as Kubernetes takes them; `account` is the user name of the node pods. */
export function admissionPolicies(account: string) {
  return [
    policyOf('storagenodes', account, [], storageNodeRules),
    policyOf('volumes', account, volumeVariables, volumeRules),
  ];
}

function policyOf(
  resource: string,
  account: string,
  variables: readonly { readonly name: string; readonly expression: string }[],
  validations: readonly Validation[],
) {
  return {
    name: `larder-node-${resource}`,
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
        { name: 'by-a-node', expression: `request.userInfo.username == '${account}'` },
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
  };
}

/** Declares both policies; they are in force a moment after they exist. */
export function declareAdmission(name: string, opts: pulumi.CustomResourceOptions): void {
  const account = `system:serviceaccount:${systemNamespace}:larder-node`;
  for (const policy of admissionPolicies(account)) {
    const metadata = { name: policy.name, labels: managed };
    const declared = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
      `${name}-${policy.name}`,
      { metadata, spec: policy.spec },
      opts,
    );
    new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      `${name}-${policy.name}-binding`,
      { metadata, spec: { policyName: declared.metadata.name, validationActions: ['Deny'] } },
      opts,
    );
  }
}
