// SPDX-License-Identifier: Apache-2.0

/// How much a caller must prove.
package enum AuthMode: String, Sendable, CaseIterable {
    /// Loopback only. Any key is taken, and its caller is its account's root; only keys that Martlet itself issued are
    /// verified.
    case open
    /// Every request carries a valid signature; permissions are not looked at.
    case signed
    /// Valid signatures, and IAM's word on every action.
    case enforced
}
