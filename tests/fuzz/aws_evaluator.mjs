// Answers requests in the format of `cred-audit ask aws` by the npm package @cloud-copilot/iam-simulate, a line
// in, a line out. The package is a separate program that only this development script calls:
//   npm install --prefix DIR @cloud-copilot/iam-simulate && node aws_evaluator.mjs DIR < requests.ndjson
// Some of its gaps are stepped around by renaming condition keys, in policies and request alike: it refuses
// `secretsmanager:ResourceTag/K` and drops `kms:EncryptionContext:K` and the claims of web identities.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'

const require = createRequire(resolve(process.argv[2], 'package.json'))
const { runSimulation } = require('@cloud-copilot/iam-simulate')

const RENAMED = [
  [/^secretsmanager:resourcetag\/(.*)$/i, 'aws:ResourceTag/$1'],
  [/^ssm:resourcetag\/(.*)$/i, 'aws:ResourceTag/$1'],
  [/^iam:resourcetag\/(.*)$/i, 'aws:ResourceTag/$1'],
  [/^(?:token\.actions\.githubusercontent|accounts\.google)\.com:(.*)$/i, 'aws:PrincipalTag/claim-$1'],
  [/^kms:encryptioncontext:(.*)$/i, 'aws:PrincipalTag/kms-encryption-context-$1'],
]

function renamed(key) {
  for (const [pattern, name] of RENAMED) if (pattern.test(key)) return key.replace(pattern, name)
  return key
}

function policy(document) {
  if (!document) return undefined
  const copy = structuredClone(document)
  const statements = Array.isArray(copy.Statement) ? copy.Statement : [copy.Statement]
  for (const statement of statements) {
    for (const [operator, block] of Object.entries(statement.Condition ?? {})) {
      statement.Condition[operator] = Object.fromEntries(Object.entries(block).map(([k, v]) => [renamed(k), v]))
    }
  }
  return copy
}

const named = (documents) => (documents ?? []).map((d, i) => ({ name: `p${i}`, policy: policy(d) }))
const levels = (list) => (list ?? []).map((d, i) => ({ orgIdentifier: `l${i}`, policies: named(d) }))

function context(line) {
  const { principal, request } = line
  const keys = {}
  const set = (key, value) => {
    const known = Object.keys(keys).find((k) => k.toLowerCase() === key.toLowerCase())
    if (known) delete keys[known]
    keys[key] = value
  }
  if (principal.startsWith('arn:')) {
    const parts = principal.split(':')
    const name = parts.slice(5).join(':')
    const role = name.startsWith('assumed-role/')
    const arn = role ? line.principal_role ?? `arn:${parts[1]}:iam::${parts[4]}:role/${name.split('/')[1]}` : principal
    set('aws:PrincipalArn', arn)
    set('aws:PrincipalAccount', parts[4])
    const kind = role || name.startsWith('role/') ? 'AssumedRole' : name.startsWith('user/') ? 'User' : 'Account'
    set('aws:PrincipalType', kind)
    set('aws:PrincipalIsAWSService', 'false')
    if (kind === 'User') set('aws:username', name.split('/').at(-1))
    if (request.action.toLowerCase().startsWith('kms:')) set('kms:CallerAccount', parts[4])
  }
  for (const [k, v] of Object.entries(line.principal_tags ?? {})) set(`aws:PrincipalTag/${k}`, v)
  for (const [k, v] of Object.entries(line.session_tags ?? {})) set(`aws:PrincipalTag/${k}`, v)
  set('aws:ResourceAccount', account(line))
  for (const [k, v] of Object.entries(request.resource_tags ?? {})) set(`aws:ResourceTag/${k}`, v)
  for (const [k, v] of Object.entries(request.request_tags ?? {})) set(`aws:RequestTag/${k}`, v)
  const tags = Object.keys(request.request_tags ?? {})
  if (tags.length) set('aws:TagKeys', tags)
  for (const [k, v] of Object.entries(request.context ?? {})) {
    if (Array.isArray(v) && v.length === 0) continue
    set(renamed(k), v)
  }
  return keys
}

function account(line) {
  const { resource, resource_account } = line.request
  return resource_account || (resource === '*' ? line.principal.split(':')[4] : resource.split(':')[4]) || ''
}

async function answer(line) {
  const policies = line.policies ?? {}
  const result = await runSimulation(
    {
      request: {
        principal: line.principal === '*' ? { type: 'Anonymous' } : line.principal,
        action: line.request.action,
        resource: { resource: line.request.resource, accountId: account(line) },
        contextVariables: context(line),
      },
      identityPolicies: named(policies.identity),
      serviceControlPolicies: levels(policies.scps),
      resourceControlPolicies: levels(policies.rcps),
      resourcePolicy: policy(policies.resource),
      permissionBoundaryPolicies: policies.boundary ? named([policies.boundary]) : undefined,
      sessionPolicy: policy(policies.session),
      vpcEndpointPolicies: policies.vpc_endpoint ? named([policies.vpc_endpoint]) : undefined,
      additionalSettings: {},
    },
    { simulationMode: 'Strict' },
  )
  if (result.resultType === 'error') return { id: line.id, error: JSON.stringify(result.errors ?? result).slice(0, 600) }
  const allowed = result.overallResult === 'Allowed'
  const out = { id: line.id, decision: allowed ? 'ALLOW' : 'DENY', result: result.overallResult }
  if (process.argv[3] === '-v') out.ignored = result.result?.ignoredContextKeys
  return out
}

for await (const text of createInterface({ input: process.stdin })) {
  if (!text.trim()) continue
  const line = JSON.parse(text)
  try {
    console.log(JSON.stringify(await answer(line)))
  } catch (error) {
    console.log(JSON.stringify({ id: line.id, error: String(error).slice(0, 300) }))
  }
}
