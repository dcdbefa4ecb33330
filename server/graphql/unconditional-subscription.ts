import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Refuses `@skip` and `@include` on what a subscription selects at its root (GraphQL, September 2025,
 * §5.2.4.1): without its one field there is nothing to follow. graphql-js has the rule from version 17 on.
 */
export const unconditionalSubscriptionPlugin: Plugin = {
  onValidate({ addValidationRule }) {
    addValidationRule(unconditionalSubscription);
  },
};

function unconditionalSubscription(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition({ operation, selectionSet }) {
      if (operation !== OperationTypeNode.SUBSCRIPTION) return false;
      const seen = new Set<FragmentDefinitionNode>();
      check(selectionSet);
      return false;

      function check({ selections }: SelectionSetNode): void {
        for (const selection of selections) {
          const condition = selection.directives?.find(({ name }) => isCondition(name.value));
          if (condition) {
            const message = `\`@${condition.name.value}\` is not for the root field of a subscription.`;
            context.reportError(new GraphQLError(message, { nodes: condition }));
          } else if (selection.kind === Kind.INLINE_FRAGMENT) {
            check(selection.selectionSet);
          } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
            const fragment = context.getFragment(selection.name.value);
            if (!fragment || seen.has(fragment)) continue;
            seen.add(fragment);
            check(fragment.selectionSet);
          }
        }
      }
    },
  };
}

function isCondition(directive: string): boolean {
  return directive === 'skip' || directive === 'include';
}
