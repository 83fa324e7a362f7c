// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage

@testable import IAM
@testable import STS

/// IAM and STS put together as the product's composition root does.
struct IdentityParts: Sendable {
    let store: IAMStore
    let cipher = BoundCipher()
    let usage: UsageLedger
    let roles: IAMRoles
    let mint: SessionMint
    let table: SessionTable
    let resourcePolicies = ResourcePolicies()
    let authorizer: IAMAuthorizer
    let keys: IAMCredentials
    let sessions: SessionCredentialDirectory
    let vendor: RoleCredentialVendor
    let iam: IAMService
    let sts: STSService

    init(_ ground: TestGround, isEnforced: Bool) async throws {
        store = IAMStore(ground.database)
        try await store.migrate()
        usage = UsageLedger(store: store, clock: ground.clock, logger: ground.logger)
        table = SessionTable()
        let identities = IdentityDirectory(store: store, clock: ground.clock)
        let callers = CallerDirectory(identities: identities, sessions: table, clock: ground.clock)
        roles = IAMRoles(
            callers: callers,
            identities: identities,
            configuration: .init(enforcesTrust: isEnforced, takesUnknownRoles: !isEnforced),
            usage: usage,
            clock: ground.clock,
            logger: ground.logger
        )
        mint = SessionMint(cipher: cipher, clock: ground.clock, ids: ground.ids)
        authorizer = IAMAuthorizer(callers: callers, resourcePolicies: resourcePolicies, usage: usage)
        keys = IAMCredentials(store: store, cipher: cipher, clock: ground.clock, usage: usage)
        sessions = SessionCredentialDirectory(mint: mint, table: table, roles: roles)
        vendor = RoleCredentialVendor(mint: mint, roles: roles)
        iam = IAMService(store: store, cipher: cipher, clock: ground.clock, ids: ground.ids)
        sts = STSService(roles: roles, mint: mint, sessions: table)
    }
}

/// A server with IAM and STS. Requests signed with made-up keys come from their accounts' roots; keys that IAM or STS issued
/// are verified. With `isEnforced`, IAM decides on every action.
struct IdentityBench: Sendable {
    let server: TestServer
    let parts: IdentityParts

    static let account = "123456789012"

    static func run(isEnforced: Bool = false, _ body: @Sendable (IdentityBench) async throws -> Void) async throws {
        let made = Box()
        let build: @Sendable (TestGround) async throws -> TestAssembly = { ground in
            let parts = try await IdentityParts(ground, isEnforced: isEnforced)
            await made.put(parts)
            var assembly = TestAssembly([parts.iam, parts.sts])
            assembly.credentials = [parts.keys, parts.sessions]
            if isEnforced { assembly.authorizer = parts.authorizer }
            return assembly
        }
        try await TestServer.run(providers: build) { server in
            guard let parts = await made.parts else { throw MartletError("test.identity", "nothing was assembled") }
            try await body(IdentityBench(server: server, parts: parts))
        }
    }

    private actor Box {
        var parts: IdentityParts?
        func put(_ parts: IdentityParts) { self.parts = parts }
    }

    func iam(as credentials: TestCredentials = .account(Self.account)) -> TestClient {
        server.client(.iam, as: credentials)
    }

    /// A role with this trust statement.
    @discardableResult
    func makeRole(
        _ name: String = "worker",
        path: String? = nil,
        trust: String = #"{"Service":"lambda.amazonaws.com"}"#,
        condition: String? = nil,
        maxSeconds: Int? = nil,
        account: String = Self.account
    ) async throws -> String {
        var input = CreateRoleInput()
        input.roleName = name
        input.path = path
        input.maxSessionDuration = maxSeconds
        let when = condition.map { ",\"Condition\":\($0)" } ?? ""
        input.assumeRolePolicyDocument =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":\#(trust),"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]\#(when)}]}"#
        return try await iam(as: .account(account)).call(IAMOperations.createRole, input).role.arn
    }

    func allow(_ actions: String, to role: String, on resource: String = "*", effect: String = "Allow") async throws {
        var input = PutRolePolicyInput()
        input.roleName = role
        input.policyName = "p-\(effect)"
        input.policyDocument = Self.document(actions, on: resource, effect: effect)
        _ = try await iam().call(IAMOperations.putRolePolicy, input)
    }

    func allow(_ actions: String, toUser user: String, on resource: String = "*") async throws {
        var input = PutUserPolicyInput()
        input.userName = user
        input.policyName = "p"
        input.policyDocument = Self.document(actions, on: resource)
        _ = try await iam().call(IAMOperations.putUserPolicy, input)
    }

    func deleteRolePolicies(_ role: String) async throws {
        var list = ListRolePoliciesInput()
        list.roleName = role
        for name in try await iam().call(IAMOperations.listRolePolicies, list).policyNames {
            var input = DeleteRolePolicyInput()
            input.roleName = role
            input.policyName = name
            _ = try await iam().call(IAMOperations.deleteRolePolicy, input)
        }
    }

    func deleteRole(_ role: String) async throws {
        try await deleteRolePolicies(role)
        var input = DeleteRoleInput()
        input.roleName = role
        _ = try await iam().call(IAMOperations.deleteRole, input)
    }

    /// A user with an access key.
    func makeUser(_ name: String = "ann", account: String = Self.account) async throws -> TestCredentials {
        let iam = iam(as: .account(account))
        var user = CreateUserInput()
        user.userName = name
        _ = try await iam.call(IAMOperations.createUser, user)
        return try await makeKey(of: name, account: account)
    }

    func makeKey(of name: String, account: String = Self.account) async throws -> TestCredentials {
        var input = CreateAccessKeyInput()
        input.userName = name
        let key = try await iam(as: .account(account)).call(IAMOperations.createAccessKey, input).accessKey
        return TestCredentials(key.accessKeyId, key.secretAccessKey)
    }

    /// Any operation that needs a permission.
    func listRoles(as credentials: TestCredentials) async throws {
        _ = try await iam(as: credentials).call(IAMOperations.listRoles, ListRolesInput())
    }

    func getRole(_ name: String, as credentials: TestCredentials) async throws {
        var input = GetRoleInput()
        input.roleName = name
        _ = try await iam(as: credentials).call(IAMOperations.getRole, input)
    }

    /// Who a function of this role is.
    func session(of role: ARN) async throws -> Principal? {
        let issued = try await parts.vendor.credentials(forRole: role, sessionName: "f", lifetime: .seconds(900))
        return try await parts.sessions.credential(accessKeyID: issued.accessKeyID, sessionToken: issued.sessionToken)?
            .principal
    }

    /// How often IAM's tables were written.
    var changeCount: UInt64 { parts.store.changeCount }

    static func document(_ actions: String, on resource: String = "*", effect: String = "Allow") -> String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"\#(effect)","Action":"\#(actions)","Resource":"\#(resource)"}]}"#
    }
}

/// Not secret, but bound to its context as the real one is.
struct BoundCipher: Cipher {
    struct Broken: Error {}

    func seal(_ plaintext: [UInt8], context: String) throws -> [UInt8] {
        let name = Array(context.utf8)
        return [UInt8(truncatingIfNeeded: name.count)] + name.map { ~$0 } + plaintext.map { $0 ^ 0x5a }
    }

    func open(_ sealed: [UInt8], context: String) throws -> [UInt8] {
        let name = Array(context.utf8).map { ~$0 }
        guard sealed.count > name.count, Array(sealed[1...name.count]) == name else { throw Broken() }
        return sealed[(name.count + 1)...].map { $0 ^ 0x5a }
    }
}

/// The error that a call ends with; nil when it succeeds.
func failure(_ body: () async throws -> Void) async -> ClientError? {
    do {
        try await body()
        return nil
    } catch let error as ClientError {
        return error
    } catch {
        return ClientError("Unexpected", "\(error)")
    }
}
