"""The failover group API of Cloud 66, so that scripts and clients written for it keep working.

    GET    failover_groups        ->  group list
    POST   failover_groups        ->  group add
    PUT    failover_groups/UID    ->  group set, switch, group set
    DELETE failover_groups/UID    ->  group remove
    GET    stacks                 ->  application list

A stack of theirs is an application here, and its UID is made from the application's id.  This
package translates, and knows no state: each request of theirs becomes requests of the control
socket, which check and decide everything.
"""
