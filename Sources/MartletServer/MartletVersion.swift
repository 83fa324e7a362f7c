// SPDX-License-Identifier: Apache-2.0

/// The version of this build, as `martlet version` and `/_martlet/health` show it.
package enum MartletVersion {
    package static let current = "0.1.0-dev"
}
