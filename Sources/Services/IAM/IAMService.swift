// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import MartletCore

/// AWS Identity and Access Management: users, groups, roles, their policies and keys.
///
/// Holds nothing but its parts: every operation is one transaction of the store.
package struct IAMService: IAMAPI, ServiceProvider {
    let store: IAMStore
    let cipher: any Cipher
    let clock: any WallClock
    let ids: any IDSource

    package init(store: IAMStore, cipher: any Cipher, clock: any WallClock, ids: any IDSource) {
        self.store = store
        self.cipher = cipher
        self.clock = clock
        self.ids = ids
    }

    package var model: ServiceModel { .iam }
    package var operations: [Operation] { iamOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        IAMResources.named(by: input, in: scope)
    }

    /// A unique id as AWS makes them: four letters and seventeen more.
    func uniqueID(_ prefix: String) -> String { prefix + ids.token(17) }

    /// Whole seconds, as IAM keeps times.
    var now: Instant { Instant(milliseconds: clock.now.milliseconds / 1_000 * 1_000) }

    /// Throws `MalformedPolicyDocumentException`.
    func check(_ document: String, as purpose: PolicyDocument.Purpose) throws {
        do {
            _ = try PolicyDocument(parsing: document, as: purpose)
        } catch let fault as PolicyFault {
            throw MalformedPolicyDocumentException(fault.message)
        }
    }
}

extension RequestContext {
    var account: AccountID { scope.account }
    var partition: String { scope.region.partition }
}
