// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Something that holds state and can forget it, for tests against a server in `open` mode.
package protocol Resettable: Sendable {
    /// Returns once everything of the account is gone, or of all accounts when it is nil.
    func reset(account: AccountID?) async throws
}

/// A `Resettable` in one closure.
package struct ResetAction: Resettable {
    private let action: @Sendable (AccountID?) async throws -> Void

    package init(_ action: @escaping @Sendable (AccountID?) async throws -> Void) { self.action = action }

    package func reset(account: AccountID?) async throws { try await action(account) }
}
