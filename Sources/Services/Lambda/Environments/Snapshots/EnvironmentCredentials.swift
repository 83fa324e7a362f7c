// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// The role's credentials as the processes of one environment ask for them. What is in a snapshot is in every copy, so there
/// is only the way to them: an address, and a token that all environments of the version share. Which environment asks, the
/// socket says. AWS: AWS_CONTAINER_CREDENTIALS_FULL_URI
final class EnvironmentCredentials: Sendable {
    static let path = "/2021-04-23/credentials"
    /// Renewed so long before they run out. SDKs begin to ask five to fifteen minutes before.
    private static let margin = Duration.seconds(15 * 60)

    private let token: String
    private let clock: any WallClock
    private let vend: @Sendable () async throws -> SessionCredentials
    private let current: NIOLockedValueBox<SessionCredentials>

    init(
        _ first: SessionCredentials,
        token: String,
        clock: any WallClock,
        vend: @escaping @Sendable () async throws -> SessionCredentials
    ) {
        (self.token, self.clock, self.vend) = (token, clock, vend)
        current = NIOLockedValueBox(first)
    }

    /// Nil: the caller does not know the token.
    func document(for authorization: String?) async throws -> ByteBuffer? {
        guard let authorization, Self.isEqual(authorization, token) else { return nil }
        var credentials = current.withLockedValue { $0 }
        if credentials.expiresAt - clock.now < Self.margin {
            credentials = try await vend()
            current.withLockedValue { [credentials] in $0 = credentials }
        }
        return JSONValue.object([
            .init("AccessKeyId", .string(credentials.accessKeyID)),
            .init("SecretAccessKey", .string(credentials.secretAccessKey)),
            .init("Token", .string(credentials.sessionToken)),
            .init("Expiration", .string(credentials.expiresAt.iso8601)),
        ]).compactBuffer
    }

    /// In a time that says nothing of where they differ.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
