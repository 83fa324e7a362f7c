// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// Finds out who signed a request.
struct Authenticator: Sendable {
    /// Who calls, with the body in clear.
    struct Caller {
        var principal: Principal
        var body: ByteBuffer
    }

    private let mode: AuthMode
    private let directories: [any CredentialDirectory]
    private let usual = SigV4Verifier()
    /// S3 and EC2 allow a quarter of an hour.
    private let lenient = SigV4Verifier(tolerance: .seconds(900))

    init(mode: AuthMode, directories: [any CredentialDirectory]) {
        self.mode = mode
        self.directories = directories
    }

    /// Throws `SignatureFailure` for signatures that are not accepted, `BodyTooLarge` for bodies over `limit`.
    func authenticate(
        _ request: IncomingRequest,
        claiming claim: PresentedCredential?,
        for model: ServiceModel,
        upTo limit: Int,
        now: Instant
    ) async throws -> Caller {
        let signable = request.signable
        guard let claim else {
            return try await unsigned(request, signable, isAllowed: Self.isPublic(request, model), limit)
        }
        let token = claim.sessionToken
        guard let credential = try await credential(claim.accessKeyID, token) else {
            guard takesAnybody(request) else { throw try unknownKey(signable) }
            return try await unverified(
                request,
                signable,
                .root(of: account(of: claim), accessKeyID: claim.accessKeyID),
                limit
            )
        }
        return try await verified(request, signable, credential, token, [model.signingName], limit, now)
    }

    /// For requests that may come without a signature (function URLs): those are anonymous, in every mode.
    func authenticateIfSigned(
        _ request: IncomingRequest,
        signingNames: [String],
        upTo limit: Int,
        now: Instant
    ) async throws -> Caller {
        let signable = request.signable
        if let claim = PresentedCredential(of: signable) {
            let token = claim.sessionToken
            if let credential = try await credential(claim.accessKeyID, token) {
                return try await verified(request, signable, credential, token, signingNames, limit, now)
            }
            guard takesAnybody(request) else { throw SignatureFailure.unknownKey }
            return try await unverified(
                request,
                signable,
                .root(of: account(of: claim), accessKeyID: claim.accessKeyID),
                limit
            )
        }
        return try await unverified(request, signable, .anonymous, limit)
    }

    /// Takes the body as it comes and looks at no signature.
    func anonymous(_ request: IncomingRequest, upTo limit: Int) async throws -> Caller {
        var none: AWSChunkedDecoder?
        return Caller(principal: .anonymous, body: try await request.body.collect(upTo: limit, through: &none))
    }

    // MARK: who

    /// `open` mode trusts whoever sits at the host. A function does not: inside a sandbox only keys that Martlet issued
    /// count, so a function is its role and nobody else.
    private func takesAnybody(_ request: IncomingRequest) -> Bool { mode == .open && request.listener == nil }

    private func account(of claim: PresentedCredential) -> AccountID { AccountID(claim.accessKeyID) ?? .local }

    private func credential(_ accessKeyID: String, _ token: String?) async throws -> SigningCredential? {
        for directory in directories {
            if let found = try await directory.credential(accessKeyID: accessKeyID, sessionToken: token) {
                return found
            }
        }
        return nil
    }

    /// A signature that cannot even be read is the more telling mistake.
    private func unknownKey(_ request: SignableRequest) throws -> SignatureFailure {
        guard try PresentedSignature(of: request) != nil else { return .missing }
        return .unknownKey
    }

    // MARK: how

    private func unsigned(
        _ request: IncomingRequest,
        _ signable: SignableRequest,
        isAllowed: Bool,
        _ limit: Int
    ) async throws -> Caller {
        if isAllowed { return try await unverified(request, signable, .anonymous, limit) }
        guard takesAnybody(request) else {
            // A header of another scheme is a broken signature, not a missing one.
            _ = try PresentedSignature(of: signable)
            throw SignatureFailure.missing
        }
        return try await unverified(request, signable, .root(of: .local), limit)
    }

    private func unverified(
        _ request: IncomingRequest,
        _ signable: SignableRequest,
        _ principal: Principal,
        _ limit: Int
    ) async throws -> Caller {
        // Nothing is checked here, so a strange word about the body is no reason to refuse it.
        let mode = (try? PayloadMode(of: signable, isPresigned: false, service: "")) ?? .unsigned
        var decoder = mode.isChunked ? self.decoder(signable, mode, chain: nil) : nil
        return Caller(principal: principal, body: try await request.body.collect(upTo: limit, through: &decoder))
    }

    private func verified(
        _ request: IncomingRequest,
        _ signable: SignableRequest,
        _ credential: SigningCredential,
        _ token: String?,
        _ services: [String],
        _ limit: Int,
        _ now: Instant
    ) async throws -> Caller {
        guard let presented = try PresentedSignature(of: signable) else { throw SignatureFailure.missing }
        let verifier = ["s3", "ec2"].contains(presented.scope.service) ? lenient : usual
        try verifier.checkScope(of: presented, services: services)
        try verifier.checkTime(of: presented, now: now)
        try verifier.checkSignedHeaders(of: presented, in: signable)
        try SigV4Verifier.check(token: token, of: credential, now: now)
        let payload = try PayloadMode(
            of: signable,
            isPresigned: presented.form != .header,
            service: presented.scope.service
        )
        let secret = credential.secretAccessKey
        guard payload.isChunked else {
            var none: AWSChunkedDecoder?
            let body = try await request.body.collect(upTo: limit, through: &none)
            let hash = try payload.canonicalHash { SigV4.sha256(body.readableBytesView) }
            try verifier.checkSignature(presented, of: signable, payloadHash: hash, secret: secret)
            return Caller(principal: credential.principal, body: body)
        }
        // The head is checked before the body is touched: its chunks build on its signature.
        let word = try payload.canonicalHash { "" }
        try verifier.checkSignature(presented, of: signable, payloadHash: word, secret: secret)
        let chain = payload == .unsignedChunks ? nil : verifier.chunkChain(after: presented, secret: secret)
        var decoder: AWSChunkedDecoder? = self.decoder(signable, payload, chain: chain)
        let body = try await request.body.collect(upTo: limit, through: &decoder)
        return Caller(principal: credential.principal, body: body)
    }

    private func decoder(
        _ request: SignableRequest,
        _ mode: PayloadMode,
        chain: ChunkSignatureChain?
    ) -> AWSChunkedDecoder {
        AWSChunkedDecoder(
            chain: chain,
            expectsTrailer: mode == .unsignedChunks || mode == .signedChunks(trailer: true),
            expectedLength: request.headers[.amzDecodedContentLength].flatMap { Int($0) }
        )
    }
}

extension Authenticator {
    /// Operations that AWS takes without a signature, since the token in them proves who calls: the last two are links in
    /// messages.
    private static let publicActions: [String: [String]] = [
        "sts": ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"], "sns": ["ConfirmSubscription", "Unsubscribe"],
    ]

    fileprivate static func isPublic(_ request: IncomingRequest, _ model: ServiceModel) -> Bool {
        guard let actions = publicActions[model.name] else { return false }
        // Their form bodies are small and gathered before the chain begins.
        guard case .buffer(let body) = request.body else { return false }
        let form = request.query.isEmpty ? String(buffer: body) : request.query
        return form.split(separator: "&").contains { pair in actions.contains { pair == "Action=\($0)" } }
    }
}

extension SigV4Verifier {
    /// Temporary credentials come with their token, and end.
    fileprivate static func check(
        token: String?,
        of credential: SigningCredential,
        now: Instant
    ) throws(SignatureFailure) {
        guard SigV4.constantTimeEqual(token ?? "", credential.sessionToken ?? "") else { throw .unknownKey }
        if let end = credential.expiresAt, end <= now { throw .expiredCredentials }
    }
}

extension Principal {
    /// Nobody in particular.
    static let anonymous = Principal(
        account: .local,
        kind: .anonymous,
        arn: ARN(service: "iam", region: "", account: AccountID.local.text, resource: "anonymous"),
        userID: "anonymous"
    )
}
