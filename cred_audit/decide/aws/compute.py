"""The ways by which code of the agent's choosing runs with another role: roles passed to services, changed functions.

IAM User Guide: "Grant a user permissions to pass a role to an AWS service". Which actions make a service run something
with a role that it is given is in the services' own guides; the table below says it in the least set of actions.
"""

import re
from collections.abc import Iterator

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.crowd import Crowd, One
from cred_audit.decide.aws.engine import Evaluator
from cred_audit.decide.aws.free import Search
from cred_audit.decide.aws.model import Kind, Principal, PrincipalPolicies, Request
from cred_audit.decide.aws.naming import may_make
from cred_audit.decide.aws.sessions import Sessions
from cred_audit.decide.aws.ways import Blind, Found, Held, Step, Tried, Way
from cred_audit.decide.aws.world import Function, Role, asked

RUNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lambda.amazonaws.com", ("lambda:CreateFunction", "lambda:InvokeFunction")),
    ("lambda.amazonaws.com", ("lambda:CreateFunction", "lambda:CreateEventSourceMapping")),
    ("lambda.amazonaws.com", ("lambda:CreateFunction", "lambda:AddPermission")),
    ("lambda.amazonaws.com", ("lambda:CreateFunction", "lambda:CreateFunctionUrlConfig")),
    ("ec2.amazonaws.com", ("ec2:RunInstances",)),
    ("ec2.amazonaws.com", ("ec2:RequestSpotInstances",)),
    ("ec2.amazonaws.com", ("ec2:AssociateIamInstanceProfile",)),
    ("ec2.amazonaws.com", ("autoscaling:CreateLaunchConfiguration", "autoscaling:CreateAutoScalingGroup")),
    ("ecs-tasks.amazonaws.com", ("ecs:RegisterTaskDefinition", "ecs:RunTask")),
    ("ecs-tasks.amazonaws.com", ("ecs:RegisterTaskDefinition", "ecs:StartTask")),
    ("ecs-tasks.amazonaws.com", ("ecs:RegisterTaskDefinition", "ecs:CreateService")),
    ("ecs-tasks.amazonaws.com", ("ecs:RegisterTaskDefinition", "ecs:UpdateService")),
    ("ecs-tasks.amazonaws.com", ("batch:RegisterJobDefinition", "batch:SubmitJob")),
    ("glue.amazonaws.com", ("glue:CreateDevEndpoint",)),
    ("glue.amazonaws.com", ("glue:CreateJob", "glue:StartJobRun")),
    ("glue.amazonaws.com", ("glue:CreateJob", "glue:CreateTrigger")),
    ("glue.amazonaws.com", ("glue:UpdateJob", "glue:StartJobRun")),
    ("glue.amazonaws.com", ("glue:CreateSession", "glue:RunStatement")),
    ("cloudformation.amazonaws.com", ("cloudformation:CreateStack",)),
    ("cloudformation.amazonaws.com", ("cloudformation:UpdateStack",)),
    ("cloudformation.amazonaws.com", ("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet")),
    ("codebuild.amazonaws.com", ("codebuild:CreateProject", "codebuild:StartBuild")),
    ("codebuild.amazonaws.com", ("codebuild:UpdateProject", "codebuild:StartBuild")),
    ("sagemaker.amazonaws.com",
     ("sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl")),
    ("sagemaker.amazonaws.com", ("sagemaker:CreateTrainingJob",)),
    ("sagemaker.amazonaws.com", ("sagemaker:CreateProcessingJob",)),
    ("datapipeline.amazonaws.com",
     ("datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition", "datapipeline:ActivatePipeline")),
    ("states.amazonaws.com", ("states:CreateStateMachine", "states:StartExecution")),
    ("states.amazonaws.com", ("states:UpdateStateMachine", "states:StartExecution")),
    ("tasks.apprunner.amazonaws.com", ("apprunner:CreateService",)),
    ("tasks.apprunner.amazonaws.com", ("apprunner:UpdateService",)),
    ("ssm.amazonaws.com", ("ssm:StartAutomationExecution",)),
    ("scheduler.amazonaws.com", ("scheduler:CreateSchedule",)),
    ("elasticmapreduce.amazonaws.com", ("elasticmapreduce:RunJobFlow",)),
    ("bedrock-agentcore.amazonaws.com",
     ("bedrock-agentcore:CreateCodeInterpreter", "bedrock-agentcore:StartCodeInterpreterSession",
      "bedrock-agentcore:InvokeCodeInterpreter")),
    ("bedrock-agentcore.amazonaws.com",
     ("bedrock-agentcore:CreateAgentRuntime", "bedrock-agentcore:InvokeAgentRuntime")),
)  # fmt: skip
"""Service that takes over a role -> actions which, all allowed, make it run what the agent wants with that role."""
_REGION = "us-east-1"
_NAME = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
"""A region's name without wildcards."""
_UPDATE = "lambda:UpdateFunctionCode"


class Compute:
    """The ways by services that run code."""

    def __init__(self, sessions: Sessions) -> None:
        """Take all roles and the functions that were seen."""
        self.sessions = sessions
        self.trusts = sessions.trusts
        self.principals = sessions.principals
        self._roles = Crowd(
            One(arn=role.arn, tags=role.tags, mark=(self.trusts.document(role), bool(role.instance_profiles)))
            for role in self.trusts.roles
        )
        self.functions: tuple[Function, ...] = tuple(
            function
            for account in self.principals.accounts.values()
            for region in account.regions
            for function in region.functions or ()
        )
        # Tags of functions are not collected.
        self._functions = Crowd(One(arn=one.arn, tags=None, mark=one.role) for one in self.functions)
        self._searches: dict[str, Search] = {}

    def add(self, held: Held, found: Found) -> None:
        """Add all ways by services."""
        if held.unbound:
            # It can rewrite the trust policies of the same roles.
            return
        if held.uses("iam") and held.may("iam:PassRole"):
            for service in dict.fromkeys(service for service, _ in RUNS):
                if self.trusts.services.get(service) or self.trusts.unseen:
                    self._passed(held, service, found)
        if held.uses("lambda") and held.may(_UPDATE):
            self._changed(held, found)

    def _passed(self, held: Held, service: str, found: Found) -> None:
        """Add the roles that may be passed to a service which then runs something with them."""
        running = self._running(held, service)
        if running is None:
            return
        numbers = [
            number for number in (*self.trusts.services.get(service, ()), *self.trusts.unseen)
            if self.trusts.roles[number].arn.split(":", 5)[4] == held.account
        ]  # fmt: skip
        clauses = held.evaluator.clauses("iam:passrole")
        keys = held.evaluator.keys(Request(action="iam:PassRole"))
        meant = None if Kind.IDENTITY in held.policies.unseen else self._roles.meant(clauses, keys)
        if meant is not None:
            numbers = [number for number in numbers if number in meant]
        for group in self._roles.divided(numbers, clauses, keys, f"{service} {held.account}" if meant is None else ""):
            roles = tuple(self.trusts.roles[number] for number in group)
            if service == "ec2.amazonaws.com" and not roles[0].instance_profiles:
                # The instance profile is made first: without the right to make one there has to be one.
                make = may_make(held, "iam:CreateInstanceProfile", held.account, _REGION)
                put = may_make(held, "iam:AddRoleToInstanceProfile", held.account, _REGION)
                if make is None or put is None:
                    continue
            self._group(held, service, roles, running, found)

    def _group(
        self, held: Held, service: str, roles: tuple[Role, ...], running: tuple[Tried, ...], found: Found
    ) -> None:
        passing = self._pass(held, roles[0], service)
        trusted = self._trusted(service, roles[0])
        if not passing.open or trusted is Effect.DENY:
            return
        sure = passing.effect is trusted is Effect.ALLOW and all(one.effect is Effect.ALLOW for one in running)

        def enter(to: Held) -> tuple[Step, ...] | None:
            if not isinstance(to.entity, Role):
                return None
            tried = self._pass(held, to.entity, service)
            return None if not tried.open else tuple(_steps(held, to, service, tried, running))

        node = self.sessions.node(("session", self.trusts.alike(roles)), lambda: map(self.trusts.held, roles))
        found.ways.append(Way(to=node, sure=sure, first=passing.because, enter=enter))

    @staticmethod
    def _pass(held: Held, role: Role, service: str) -> Tried:
        return held.ask("iam:PassRole", role.arn, tags=role.tags, tags_known=role.tags is not None,
                        context={"iam:PassedToService": service})  # fmt: skip

    def _trusted(self, service: str, role: Role) -> Effect:
        """Decide whether a service may assume a role; what it says of the call is its own to say."""
        search = self._searches.get(service)
        if search is None:
            search = self._searches[service] = Search(Evaluator(Principal(arn=service), PrincipalPolicies()))
        request = Request(action="sts:AssumeRole", resource=role.arn, resource_tags=role.tags)
        return search.possible(request, self.trusts.side(role)).decision.effect

    def _running(self, held: Held, service: str) -> tuple[Tried, ...] | None:
        """Return actions that make a service run something, all allowed; None where there are none."""
        best: tuple[Tried, ...] | None = None
        for name, actions in RUNS:
            if name != service or not all(held.may(action) for action in actions):
                continue
            tried = self._all(held, actions)
            if tried is not None:
                if all(one.effect is Effect.ALLOW for one in tried):
                    return tried
                best = best or tried
        return best

    def _all(self, held: Held, actions: tuple[str, ...]) -> tuple[Tried, ...] | None:
        best: tuple[Tried, ...] | None = None
        for region in self._regions(held, actions):
            found = []
            for action in actions:
                tried = may_make(held, action, held.account, region)
                if tried is None:
                    break
                found.append(tried)
            else:
                if all(one.effect is Effect.ALLOW for one in found):
                    return tuple(found)
                best = best or tuple(found)
        return best

    def _regions(self, held: Held, actions: tuple[str, ...]) -> tuple[str, ...]:
        """Return the regions that were read, a usual one, and those that statements on some actions name."""
        found = dict.fromkeys(region.name for region in self.principals.accounts[held.account].regions)
        found[_REGION] = None
        for clause in (one for action in actions for one in held.evaluator.clauses(action.lower())):
            texts = [text.split(":", 4)[3] for text in clause.statement.resources or () if text.count(":") > 3]
            for condition in clause.statement.conditions:
                texts += condition.values if condition.key.lower() == "aws:requestedregion" else ()
            found |= dict.fromkeys(text for text in texts if _NAME.fullmatch(text))
        return tuple(found)

    def _changed(self, held: Held, found: Found) -> None:
        """Add the roles of functions whose code it may change."""
        for account in self.principals.accounts.values():
            for region in account.regions:
                if region.functions is None and account.id == held.account:
                    found.blind.append(Blind(
                        reason=f"it may change the code of functions of {region.name} in {account.id}, which were not "
                        "seen",
                        where=asked("functions", account.id, region.name),
                    ))  # fmt: skip
        clauses = held.evaluator.clauses(_UPDATE.lower())
        keys = held.evaluator.keys(Request(action=_UPDATE))
        near = [number for number, one in enumerate(self.functions) if one.arn.split(":", 5)[4] == held.account]
        for group in self._functions.divided(near, clauses, keys, f"functions {held.account}"):
            for number in group:
                self._function(held, self.functions[number], found)

    def _function(self, held: Held, function: Function, found: Found) -> None:
        region = function.arn.split(":", 4)[3]
        tried = held.ask(_UPDATE, function.arn, tags_known=False, context={"aws:RequestedRegion": region})
        if not tried.open:
            return
        role = self.principals.roles.get(function.role or "")
        if role is None:
            found.blind.append(Blind(
                reason=f"the role of the function {function.arn}, whose code it may change, was not seen",
                where=asked("functions", held.account, region), because=tried.because,
            ))  # fmt: skip
            return
        step = Step(
            request=tried.request, by=held.principal, shows=f"can change the code of {function.arn}",
            because=tried.because, holder=held.arn, gives=role.arn,
            assuming=(*tried.assuming, "the function runs by itself when a secret is rotated"),
            command=("lambda", "update-function-code", "--function-name", function.arn, "--zip-file",
                     "fileb://code.zip", "--region", region),
        )  # fmt: skip
        node = self.sessions.node(("session", self.trusts.alike((role,))), lambda: (self.trusts.held(role),))
        found.ways.append(Way(to=node, sure=tried.effect is Effect.ALLOW, first=tried.because, enter=lambda _: (step,)))


def _steps(held: Held, to: Held, service: str, passing: Tried, running: tuple[Tried, ...]) -> Iterator[Step]:
    told = ", ".join(one.request.action for one in running)
    yield Step(
        request=passing.request, by=held.principal, shows=f"can pass {to.arn} to {service}", because=passing.because,
        assuming=passing.assuming, holder=held.arn,
    )  # fmt: skip
    for number, one in enumerate(running):
        last = number == len(running) - 1
        because: tuple[Reason, ...] = one.because
        yield Step(
            request=one.request, by=held.principal, because=because, assuming=one.assuming, holder=held.arn,
            shows=f"can run what it likes with it ({told})" if last else f"can send {one.request.action}",
            gives=to.arn if last else "",
        )  # fmt: skip
