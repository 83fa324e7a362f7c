// SPDX-License-Identifier: Apache-2.0
import ServiceLifecycle

/// A service with its type's name as its description.
///
/// The group prints each service once, as it is made. Without a description that is found at once, the runtime searches all
/// conformances of the program, for the service and for each of its members: a fifth of the time until the first answer.
struct NamedService: Service, TextOutputStreamable {
    private let service: any Service

    init(_ service: any Service) { self.service = service }

    func run() async throws { try await service.run() }

    func write(to target: inout some TextOutputStream) { target.write(_typeName(type(of: service), qualified: false)) }
}
