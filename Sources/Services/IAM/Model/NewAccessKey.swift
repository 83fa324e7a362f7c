// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// An access key in the moment of its making, with its secret in the clear. It is shown once and never stored so.
package struct NewAccessKey: Sendable, Equatable {
    package let accessKeyID: String
    package let secretAccessKey: String

    private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    init(account: AccountID, ids: any IDSource) {
        accessKeyID = AccessKeyID.make("AKIA", account: account, ids: ids)
        secretAccessKey = ids.token(40, from: Self.letters)
    }

    func sealed(by cipher: any Cipher) throws -> [UInt8] {
        try cipher.seal(Array(secretAccessKey.utf8), context: StoredAccessKey.sealingContext(accessKeyID))
    }
}
