// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension LambdaService {
    /// Where the server must serve `downloadCode`.
    package static let codePath = "/_martlet/lambda/code/"

    /// AWS: FunctionCodeLocation
    func codeLocation(of version: VersionRecord, seenFrom endpoint: Endpoint) throws -> FunctionCodeLocation {
        if let image = version.settings.image {
            return FunctionCodeLocation(
                repositoryType: "ECR",
                imageUri: image.uri,
                resolvedImageUri: image.resolved
            )
        }
        return FunctionCodeLocation(
            repositoryType: "S3",
            location: try codeLocation(of: version.code.address, seenFrom: endpoint)
        )
    }

    /// A link to the archive, good for ten minutes. The token is sealed: it cannot be guessed or made longer-lived, and
    /// nothing about it is stored.
    func codeLocation(of address: ContentAddress, seenFrom endpoint: Endpoint) throws -> String {
        let expires = clock.now + .seconds(600)
        let sealed = try control.environment.cipher.seal(
            Array("\(expires.milliseconds) \(address)".utf8),
            context: Self.downloadContext
        )
        return "\(endpoint)\(Self.codePath)\(Base64.encode(sealed, alphabet: .urlSafe))"
    }

    /// The archive behind a link that `GetFunction` or `GetLayerVersion` gave out: the path's last component. Nil when the
    /// token is not one of ours or is too old; answer 403 then.
    package func downloadCode(token: String) async throws -> [UInt8]? {
        guard token.utf8.count <= 1_024, let sealed = Base64.decode(token),
            // Whatever does not open was not sealed here.
            let plain = try? control.environment.cipher.open(sealed, context: Self.downloadContext)
        else { return nil }
        let fields = String(decoding: plain, as: UTF8.self).split(separator: " ")
        guard fields.count == 2, let expires = Int64(fields[0]), let address = ContentAddress(hex: String(fields[1])),
            clock.now < Instant(milliseconds: expires)
        else { return nil }
        return try await control.environment.files.bytes(of: address)
    }

    private static let downloadContext = "lambda code download"
}
