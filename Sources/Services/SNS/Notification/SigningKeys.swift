// SPDX-License-Identifier: Apache-2.0
import Crypto
import CryptoExtras
import FoundationEssentials
import MartletCore
import NIOConcurrencyHelpers
import Storage

/// The key that notifications are signed with. Made once for a store, when it is first needed; it lies there sealed, and all
/// nodes have the same.
final class SigningKeys: Sendable {
    struct Pair: Sendable {
        let key: _RSA.Signing.PrivateKey
        let certificate: [UInt8]
        /// As AWS names the file of a certificate, by what it is.
        let fileName: String
    }

    private static let maximumSignatures = 1_024
    private static let context = "sns/signing-key"

    private let store: SNSStore
    private let cipher: any Cipher
    private let clock: any WallClock
    private let known = NIOLockedValueBox<Pair?>(nil)
    private let signatures = NIOLockedValueBox<[String: String]>([:])
    private let making = SingleFlight()

    init(store: SNSStore, cipher: any Cipher, clock: any WallClock) {
        self.store = store
        self.cipher = cipher
        self.clock = clock
    }

    func pair() async throws -> Pair {
        if let pair = known.withLockedValue({ $0 }) { return pair }
        return try await making.run("key") { () async throws -> Pair in
            if let pair = self.known.withLockedValue({ $0 }) { return pair }
            var stored = try await self.store.signingKey()
            if stored == nil { stored = try await self.makeKey() }
            guard let stored else { throw MartletError("sns.key", "the signing key was not stored") }
            let pair = try self.open(stored)
            self.known.withLockedValue { $0 = pair }
            return pair
        }
    }

    /// Base 64. `version` is the signature version: 1 is SHA-1, 2 SHA-256. Subscribers of one message share a signature, so the
    /// last ones are remembered.
    func sign(_ text: String, version: Int) async throws -> String {
        let name = "\(version)\n\(text)"
        if let known = signatures.withLockedValue({ $0[name] }) { return known }
        let key = try await pair().key
        let bytes = Array(text.utf8)
        let signature =
            version == 2
            ? try key.signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
            : try key.signature(for: Insecure.SHA1.hash(data: bytes), padding: .insecurePKCS1v1_5)
        let encoded = Base64.encode(Array(signature.rawRepresentation))
        signatures.withLockedValue { signatures in
            if signatures.count >= Self.maximumSignatures { signatures.removeAll(keepingCapacity: true) }
            // Long texts would make the memory large.
            if name.utf8.count <= 16_384 { signatures[name] = encoded }
        }
        return encoded
    }

    private func makeKey() async throws -> SigningKeyRow? {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let sealed = try cipher.seal(Array(key.derRepresentation), context: Self.context)
        let certificate = try Certificate.make(for: key, at: clock.now)
        // Another node may have been quicker: then its key is the one.
        return try await store.keepSigningKey(sealed, certificate)
    }

    private func open(_ row: SigningKeyRow) throws -> Pair {
        let der = try cipher.open(row.sealedKey, context: Self.context)
        let digest = Hex.encode(SHA256.hash(data: row.certificate)).prefix(32)
        return Pair(
            key: try _RSA.Signing.PrivateKey(derRepresentation: Data(der)),
            certificate: row.certificate,
            fileName: "SimpleNotificationService-\(digest).pem"
        )
    }
}

struct SigningKeyRow: Sendable, RowDecodable {
    let sealedKey: [UInt8]
    let certificate: [UInt8]

    init(row: inout Row) throws {
        sealedKey = try row.bytes()
        certificate = try row.bytes()
    }
}

extension SNSStore {
    func signingKey() async throws -> SigningKeyRow? {
        try await database.read { tx in
            try tx.first(SigningKeyRow.self, "SELECT sealed_key, certificate FROM sns_signing_key WHERE id = 1")
        }
    }

    /// Returns the one that is kept: this one, or an earlier.
    func keepSigningKey(_ sealed: [UInt8], _ certificate: [UInt8]) async throws -> SigningKeyRow? {
        try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO sns_signing_key (id, sealed_key, certificate) VALUES (1, \(sealed), \(certificate))
                ON CONFLICT (id) DO NOTHING
                """
            )
            return try tx.first(SigningKeyRow.self, "SELECT sealed_key, certificate FROM sns_signing_key WHERE id = 1")
        }
    }
}

extension SNSService {
    /// Where the certificate lies, below `/_martlet/`.
    package static let certificatePath = "/_martlet/sns/"

    /// The certificate as PEM; nil for a file that is none of ours.
    package func certificate(named name: String) async throws -> String? {
        let pair = try await signatures.pair()
        return name == pair.fileName ? Certificate.pem(pair.certificate) : nil
    }
}
