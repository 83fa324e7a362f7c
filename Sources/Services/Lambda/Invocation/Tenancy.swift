// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Whose environment an invocation gets. AWS: TenancyConfig
enum Tenancy {
    /// Throws InvalidParameterValueException when the version isolates tenants and has been given none.
    static func check(_ version: ExecutableVersion) throws {
        guard version.isolatesTenants, version.key.tenantID == nil else { return }
        throw InvalidParameterValueException(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
        )
    }

    /// What a function with tenant isolation cannot have beside it. AWS documents that, not the words.
    static func refusal(of what: String) -> InvalidParameterValueException {
        InvalidParameterValueException("\(what) is not supported for functions with tenant isolation enabled.")
    }

    /// Throws InvalidParameterValueException when a function that isolates tenants gets none, or another gets one.
    static func assign(_ tenantID: String?, to version: inout ExecutableVersion) throws {
        switch (version.isolatesTenants, tenantID) {
        case (true, nil): try check(version)
        case (false, _?):
            throw InvalidParameterValueException(
                "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
            )
        case (true, let tenant?): version.key.tenantID = tenant
        case (false, nil): break
        }
    }
}
